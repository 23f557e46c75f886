CREATE TABLE "model_rollouts" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace" text NOT NULL,
	"model" text NOT NULL,
	"version" integer NOT NULL,
	"base" integer NOT NULL,
	"status" text NOT NULL,
	"steps" jsonb NOT NULL,
	"step" integer NOT NULL,
	"every_ms" bigint NOT NULL,
	"gate" text,
	"reason" text NOT NULL,
	"failures" integer NOT NULL,
	"owner" jsonb NOT NULL,
	"request_id" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"step_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE INDEX "model_rollouts_of" ON "model_rollouts" USING btree ("workspace","model");