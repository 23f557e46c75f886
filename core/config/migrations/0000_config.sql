CREATE TABLE "config_changes" (
	"id" bigserial PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "config_names" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	CONSTRAINT "config_names_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE INDEX "config_changes_at" ON "config_changes" USING btree ("at");