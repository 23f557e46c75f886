CREATE TABLE "catalog_documents" (
	"workspace" text NOT NULL,
	"version" integer NOT NULL,
	"deleted" boolean NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"words" text NOT NULL,
	"collection" text NOT NULL,
	"id" text COLLATE "C" NOT NULL,
	"document" jsonb NOT NULL,
	CONSTRAINT "catalog_documents_workspace_collection_id_pk" PRIMARY KEY("workspace","collection","id")
);
--> statement-breakpoint
CREATE TABLE "catalog_items" (
	"workspace" text NOT NULL,
	"version" integer NOT NULL,
	"deleted" boolean NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"words" text NOT NULL,
	"id" text COLLATE "C" NOT NULL,
	"title" text NOT NULL,
	"tags" jsonb NOT NULL,
	"categories" jsonb NOT NULL,
	"attributes" jsonb NOT NULL,
	CONSTRAINT "catalog_items_workspace_id_pk" PRIMARY KEY("workspace","id")
);
--> statement-breakpoint
CREATE TABLE "catalog_outbox" (
	"seq" bigserial PRIMARY KEY NOT NULL,
	"resource" text NOT NULL,
	"workspace" text NOT NULL,
	"collection" text NOT NULL,
	"id" text NOT NULL,
	"version" integer NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"fields" jsonb,
	"leased_until" timestamp with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "catalog_products" (
	"workspace" text NOT NULL,
	"version" integer NOT NULL,
	"deleted" boolean NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"words" text NOT NULL,
	"sku" text COLLATE "C" NOT NULL,
	"name" text NOT NULL,
	"price" numeric,
	"currency" text,
	"category" text NOT NULL,
	"attributes" jsonb NOT NULL,
	CONSTRAINT "catalog_products_workspace_sku_pk" PRIMARY KEY("workspace","sku")
);
--> statement-breakpoint
CREATE INDEX "catalog_outbox_next" ON "catalog_outbox" USING btree ("resource","seq");