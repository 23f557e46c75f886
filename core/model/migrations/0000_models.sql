CREATE TABLE "model_jobs" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace" text NOT NULL,
	"model" text NOT NULL,
	"version" integer NOT NULL,
	"status" text NOT NULL,
	"phase" text NOT NULL,
	"percent" integer NOT NULL,
	"owner" jsonb NOT NULL,
	"request_id" text NOT NULL,
	"error_code" text NOT NULL,
	"error" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"started_at" timestamp with time zone,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "model_models" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"live" integer,
	"newest" integer NOT NULL,
	"definition" jsonb NOT NULL,
	"every_ms" bigint,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "model_models_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE TABLE "model_versions" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"status" text NOT NULL,
	"job" text NOT NULL,
	"definition" jsonb NOT NULL,
	"sha256" text,
	"bytes" integer,
	"engine" text,
	"card" json,
	"beats_baseline" boolean,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "model_versions_workspace_name_version_pk" PRIMARY KEY("workspace","name","version")
);
--> statement-breakpoint
CREATE INDEX "model_jobs_of" ON "model_jobs" USING btree ("workspace","model","version");--> statement-breakpoint
CREATE INDEX "model_versions_sha256" ON "model_versions" USING btree ("sha256");