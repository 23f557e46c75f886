CREATE TABLE `catalog_items` (
	`workspace` varchar(48) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	`id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	`version` int NOT NULL,
	`deleted` boolean NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`updated_at` datetime(3) NOT NULL,
	`words` mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`title` mediumtext CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
	`tags` json NOT NULL,
	`categories` json NOT NULL,
	`attributes` json NOT NULL,
	CONSTRAINT `catalog_items_workspace_id_pk` PRIMARY KEY(`workspace`,`id`)
);
--> statement-breakpoint
CREATE TABLE `catalog_outbox` (
	`seq` bigint AUTO_INCREMENT NOT NULL,
	`workspace` varchar(48) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	`id` varchar(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
	`version` int NOT NULL,
	`created_at` datetime(3) NOT NULL,
	`updated_at` datetime(3) NOT NULL,
	`fields` json,
	`leased_until` datetime(3) NOT NULL,
	CONSTRAINT `catalog_outbox_seq` PRIMARY KEY(`seq`)
);
