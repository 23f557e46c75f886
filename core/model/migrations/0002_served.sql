ALTER TABLE "model_models" ADD COLUMN "log_share" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "model_rollouts" ADD COLUMN "shadow" double precision;