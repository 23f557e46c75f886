import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, describe } from 'vitest'
import { openMysqlItems } from '../../../core/catalog/index.ts'
import { catalogStoreContract } from '../../contract/catalog-store.ts'
import { mysqlUrl } from '../../support/mysql.ts'
import { findMariadb, type Mariadb, startMariadb } from '../../support/servers/mariadb.ts'

const program = findMariadb()
let server: Mariadb
beforeAll(async () => {
  if (program !== undefined) server = await startMariadb(program)
}, 60_000)
afterAll(() => server?.stop())

describe.skipIf(program === undefined)('items in MariaDB', () => {
  catalogStoreContract(async () => {
    const name = `d${randomUUID().slice(0, 8)}`
    await server.query(`create database ${name}`)
    return openMysqlItems(mysqlUrl(server.url(name)))
  })
})
