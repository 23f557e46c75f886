import { roleOf } from '#mesh/roles.ts'
import { type Mounted, mount } from '#mesh/rpc/mount.ts'
import { AuditService } from '#proto/edgewise/audit/v1/audit_pb.ts'
import { CatalogService } from '#proto/edgewise/catalog/v1/catalog_pb.ts'
import { ConfigService } from '#proto/edgewise/config/v1/config_pb.ts'
import { GatewayService } from '#proto/edgewise/config/v1/gateway_pb.ts'
import { IdentityService } from '#proto/edgewise/identity/v1/identity_pb.ts'
import { TokenService } from '#proto/edgewise/identity/v1/token_pb.ts'
import { UserService } from '#proto/edgewise/identity/v1/user_pb.ts'
import { IngestService } from '#proto/edgewise/ingest/v1/ingest_pb.ts'
import { KafkaService } from '#proto/edgewise/kafka/v1/kafka_pb.ts'
import { ModelService } from '#proto/edgewise/model/v1/model_pb.ts'
import { QueryService } from '#proto/edgewise/query/v1/query_pb.ts'
import { RedisService } from '#proto/edgewise/redis/v1/redis_pb.ts'
import { GRPCInferenceService } from '#proto/inference/inference_pb.ts'
import type { Domains } from './domains.ts'

/** What a process of these roles answers. Where models are, SQL is answered too: that about them comes from the others. */
export function servicesOf(roles: ReadonlySet<string>, domains: Domains): readonly Mounted[] {
  const { identity, audit, catalog, config, ingest, kafka, queryService, redis, model } = domains
  const all = [
    mount(IdentityService, identity.service),
    mount(TokenService, identity.tokens),
    mount(UserService, identity.users),
    mount(AuditService, audit.service),
    mount(CatalogService, catalog.service),
    mount(ConfigService, config.service),
    mount(GatewayService, config.gateway),
    mount(IngestService, ingest.service),
    mount(KafkaService, kafka.service),
    mount(QueryService, queryService),
    mount(RedisService, redis.service),
    ...(model === undefined ? [] : [mount(ModelService, model.service), mount(GRPCInferenceService, model.inference)]),
  ]
  return all.filter(({ desc }) => roles.has(roleOf(desc)) || (desc === QueryService && roles.has('model')))
}
