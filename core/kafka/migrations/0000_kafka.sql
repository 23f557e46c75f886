CREATE TABLE "kafka_groups" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"members" jsonb NOT NULL,
	"version" integer NOT NULL,
	"used_at" timestamp with time zone NOT NULL,
	CONSTRAINT "kafka_groups_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE TABLE "kafka_topics" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"place" text NOT NULL,
	"partitions" integer NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "kafka_topics_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE INDEX "kafka_groups_used_at" ON "kafka_groups" USING btree ("used_at");--> statement-breakpoint
CREATE UNIQUE INDEX "kafka_topics_place" ON "kafka_topics" USING btree ("workspace","place");