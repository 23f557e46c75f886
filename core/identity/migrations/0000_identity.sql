CREATE TABLE "identity_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"prefix" text NOT NULL,
	"hash" text NOT NULL,
	"scopes" text[] NOT NULL,
	"plan" jsonb NOT NULL,
	"params" jsonb NOT NULL,
	"filters" jsonb NOT NULL,
	"created_by" text,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	CONSTRAINT "identity_keys_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "identity_workspaces" (
	"name" text PRIMARY KEY NOT NULL,
	"cors_origins" text[] DEFAULT '{}' NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "identity_keys" ADD CONSTRAINT "identity_keys_workspace_identity_workspaces_name_fk" FOREIGN KEY ("workspace") REFERENCES "public"."identity_workspaces"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "identity_keys_workspace" ON "identity_keys" USING btree ("workspace","id");