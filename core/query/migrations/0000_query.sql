CREATE TABLE "query_queries" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"live" integer,
	"newest" integer NOT NULL,
	CONSTRAINT "query_queries_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE TABLE "query_versions" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"digest" text NOT NULL,
	"definition" jsonb NOT NULL,
	"columns" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	CONSTRAINT "query_versions_workspace_name_version_pk" PRIMARY KEY("workspace","name","version")
);
