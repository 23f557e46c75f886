/** Puts one large object into a bucket, in a process of its own that a test ends amid it: `node put-process.ts URL KEY BYTES`. */
import { pino } from 'pino'
import { openS3Objects } from '../../core/storage/s3/objects.ts'
import { bytesOf } from '../contract/objects.ts'
import { s3Options } from '../support/servers/s3.ts'

const [url = '', key = '', bytes = ''] = process.argv.slice(2)
const objects = await openS3Objects(s3Options(url), pino({ level: 'silent' }))
await objects.put(key, bytesOf(Number(bytes)))
objects.close()
