CREATE TABLE "model_watches" (
	"workspace" text NOT NULL,
	"model" text NOT NULL,
	"every_ms" bigint NOT NULL,
	"status" text NOT NULL,
	"version" integer NOT NULL,
	"series" json NOT NULL,
	"seen_ms" bigint NOT NULL,
	"told_ms" bigint NOT NULL,
	"alarms" integer NOT NULL,
	"failures" integer NOT NULL,
	"reason" text NOT NULL,
	"owner" jsonb NOT NULL,
	"request_id" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	CONSTRAINT "model_watches_workspace_model_pk" PRIMARY KEY("workspace","model")
);
--> statement-breakpoint
ALTER TABLE "model_models" ADD COLUMN "previous" integer;--> statement-breakpoint
ALTER TABLE "model_models" ADD COLUMN "log_share" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "model_rollouts" ADD COLUMN "shadow" double precision;--> statement-breakpoint
CREATE INDEX "model_watches_due" ON "model_watches" USING btree ("status","due_at");