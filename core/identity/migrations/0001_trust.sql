CREATE TABLE "identity_attempts" (
	"id" text PRIMARY KEY NOT NULL,
	"failures" integer NOT NULL,
	"last_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "identity_devices" (
	"hash" text PRIMARY KEY NOT NULL,
	"user" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "identity_issuers" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"issuer" text NOT NULL,
	"audiences" text[] NOT NULL,
	"algorithms" text[] NOT NULL,
	"clock_skew_seconds" integer NOT NULL,
	"rules" jsonb NOT NULL,
	"client_id" text NOT NULL,
	"sealed_secret" text,
	"metadata" jsonb NOT NULL,
	"jwks" text NOT NULL,
	"keys_tried_at" timestamp with time zone NOT NULL,
	"keys_fetched_at" timestamp with time zone NOT NULL,
	"keys_error" text DEFAULT '' NOT NULL,
	CONSTRAINT "identity_issuers_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE TABLE "identity_roles" (
	"workspace" text NOT NULL,
	"name" text NOT NULL,
	"scopes" text[] NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	CONSTRAINT "identity_roles_workspace_name_pk" PRIMARY KEY("workspace","name")
);
--> statement-breakpoint
CREATE TABLE "identity_sessions" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace" text NOT NULL,
	"actor" text NOT NULL,
	"kind" text NOT NULL,
	"hash" text NOT NULL,
	"granted" jsonb,
	"created_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"used_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"address" text DEFAULT '' NOT NULL,
	"agent" text DEFAULT '' NOT NULL,
	CONSTRAINT "identity_sessions_hash_unique" UNIQUE("hash")
);
--> statement-breakpoint
CREATE TABLE "identity_signing_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"public_jwk" jsonb NOT NULL,
	"sealed_jwk" text NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"signs_from" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "identity_used_refresh_tokens" (
	"hash" text PRIMARY KEY NOT NULL,
	"session" text NOT NULL,
	"used_at" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "identity_users" (
	"id" text PRIMARY KEY NOT NULL,
	"workspace" text NOT NULL,
	"email" text NOT NULL,
	"name" text DEFAULT '' NOT NULL,
	"roles" text[] NOT NULL,
	"password_hash" text,
	"sealed_totp" text,
	"totp_step" integer,
	"totp_confirmed" boolean DEFAULT false NOT NULL,
	"issuer" text,
	"subject" text,
	"invite_hash" text,
	"invite_expires_at" timestamp with time zone,
	"created_at" timestamp with time zone NOT NULL,
	"disabled_at" timestamp with time zone,
	"signed_in_at" timestamp with time zone,
	CONSTRAINT "identity_users_invite_hash_unique" UNIQUE("invite_hash")
);
--> statement-breakpoint
ALTER TABLE "identity_keys" ADD COLUMN "subject" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "identity_keys" ADD COLUMN "meta" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "identity_keys" ADD COLUMN "addresses" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "identity_keys" ADD COLUMN "origins" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "identity_keys" ADD COLUMN "used_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "identity_keys" ADD COLUMN "replaced_by" text;--> statement-breakpoint
ALTER TABLE "identity_devices" ADD CONSTRAINT "identity_devices_user_identity_users_id_fk" FOREIGN KEY ("user") REFERENCES "public"."identity_users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identity_issuers" ADD CONSTRAINT "identity_issuers_workspace_identity_workspaces_name_fk" FOREIGN KEY ("workspace") REFERENCES "public"."identity_workspaces"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identity_roles" ADD CONSTRAINT "identity_roles_workspace_identity_workspaces_name_fk" FOREIGN KEY ("workspace") REFERENCES "public"."identity_workspaces"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identity_used_refresh_tokens" ADD CONSTRAINT "identity_used_refresh_tokens_session_identity_sessions_id_fk" FOREIGN KEY ("session") REFERENCES "public"."identity_sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identity_users" ADD CONSTRAINT "identity_users_workspace_identity_workspaces_name_fk" FOREIGN KEY ("workspace") REFERENCES "public"."identity_workspaces"("name") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "identity_issuers_issuer" ON "identity_issuers" USING btree ("issuer");--> statement-breakpoint
CREATE INDEX "identity_sessions_actor" ON "identity_sessions" USING btree ("workspace","actor");--> statement-breakpoint
CREATE INDEX "identity_sessions_ended" ON "identity_sessions" USING btree ("ended_at");--> statement-breakpoint
CREATE UNIQUE INDEX "identity_users_email" ON "identity_users" USING btree ("workspace","email") WHERE "identity_users"."issuer" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "identity_users_subject" ON "identity_users" USING btree ("workspace","issuer","subject");