import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { parseEnv } from '../../core/env.ts'

const engines = {
  DATABASE_URL: 'postgres://edgewise@localhost/edgewise?sslmode=disable',
  KAFKA_URL: 'kafka://localhost:9092',
  CLICKHOUSE_URL: 'http://localhost:8123',
}
const secrets = { EDGEWISE_MASTER_KEY: randomBytes(32).toString('base64'), EDGE_TOKEN: 'e'.repeat(32) }

test('a process is all roles by itself, and needs nothing for it', () => {
  const all = ['identity', 'ingest', 'query', 'model']
  expect([...parseEnv({}).ROLES]).toEqual(all)
  expect([...parseEnv({ ROLES: 'model, query,ingest,identity' }).ROLES].sort()).toEqual(all.sort())
})

test('some of the roles are refused on what is embedded, and what they need is named', () => {
  const names = [...Object.keys(engines), ...Object.keys(secrets), 'MODEL_GRPC']
  expect(() => parseEnv({ ROLES: 'query' })).toThrow(new RegExp(names.join('[^]*')))
  const whole = { ROLES: 'identity,query', ...engines, ...secrets, MODEL_GRPC: 'model:8789' }
  expect([...parseEnv(whole).ROLES]).toEqual(['identity', 'query'])
  for (const name of names) expect(() => parseEnv({ ...whole, [name]: undefined })).toThrow(name)
  // Whoever has the models need not ask for them.
  expect(() => parseEnv({ ...whole, ROLES: 'query,model', MODEL_GRPC: undefined })).not.toThrow()
})

test('the warehouse is a process of its own, with a password', () => {
  expect(() => parseEnv({ ROLES: 'warehouse' })).toThrow('WAREHOUSE_PASSWORD')
  expect(() => parseEnv({ ROLES: 'warehouse', WAREHOUSE_PASSWORD: 'short' })).toThrow('16 characters')
  expect(() => parseEnv({ ROLES: 'warehouse', WAREHOUSE_PASSWORD: 'p'.repeat(16) })).not.toThrow()
  expect(() => parseEnv({ ROLES: 'warehouse,query' })).toThrow('of its own')
  expect(() => parseEnv({ ROLES: 'gateway' })).toThrow('identity, ingest, query, model')
})
