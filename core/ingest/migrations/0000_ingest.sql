CREATE TABLE "ingest_answers" (
	"workspace" text NOT NULL,
	"stream" text NOT NULL,
	"key" text NOT NULL,
	"digest" text NOT NULL,
	"answer" jsonb NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "ingest_answers_workspace_stream_key_pk" PRIMARY KEY("workspace","stream","key")
);
--> statement-breakpoint
CREATE TABLE "ingest_streams" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"columns" jsonb NOT NULL,
	"order_by" text[] NOT NULL,
	"partition_by" text NOT NULL,
	"ttl" text NOT NULL,
	"id" text NOT NULL,
	"time" text NOT NULL,
	"on_unknown" text NOT NULL,
	"json_schema" text NOT NULL,
	"version" integer NOT NULL,
	"state" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "ingest_streams_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE INDEX "ingest_answers_at" ON "ingest_answers" USING btree ("at");