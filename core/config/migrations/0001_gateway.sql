CREATE TABLE "config_limits" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"requests" integer NOT NULL,
	"window_seconds" integer NOT NULL,
	"burst" integer NOT NULL,
	CONSTRAINT "config_limits_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE TABLE "config_routes" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"path" text NOT NULL,
	"definition" jsonb NOT NULL,
	"header_names" jsonb NOT NULL,
	"sealed_headers" text NOT NULL,
	CONSTRAINT "config_routes_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE UNIQUE INDEX "config_routes_path" ON "config_routes" USING btree ("workspace","path");