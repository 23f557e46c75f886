import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { parseEnv } from '../../../../core/env.ts'
import { parseObjectsUrl } from '../../../../core/storage/s3/url.ts'
import { temporaryDirectory } from '../../../support/directory.ts'

const secret = 's3cr3t'
const directory = temporaryDirectory()
const ca = join(directory.path, 'ca.pem')
writeFileSync(ca, 'an authority')
afterAll(() => directory.remove())

describe('OBJECTS_URL', () => {
  test('of Amazon’s own says little', () => {
    expect(parseObjectsUrl('s3://shop-models?region=eu-central-1')).toEqual({
      bucket: 'shop-models',
      prefix: '',
      endpoint: undefined,
      region: 'eu-central-1',
      pathStyle: false,
      credentials: undefined,
      checksums: 'always',
      ca: undefined,
      timeoutMs: 10_000,
      poolSize: 16,
    })
  })

  test('of another server says where it is, and who asks', () => {
    const endpoint = encodeURIComponent('https://minio.example:9000')
    const parameters = `endpoint=${endpoint}&ca=${ca}&timeout_ms=500&pool_size=4&checksums=always&path_style=false`
    expect(parseObjectsUrl(`s3://KEY:a%2Fb%2Bc@models/edgewise/shop/?${parameters}`)).toEqual({
      bucket: 'models',
      prefix: 'edgewise/shop/',
      endpoint: 'https://minio.example:9000',
      region: 'us-east-1',
      pathStyle: false,
      credentials: { accessKeyId: 'KEY', secretAccessKey: 'a/b+c' },
      checksums: 'always',
      ca: 'an authority',
      timeoutMs: 500,
      poolSize: 4,
    })
    expect(parseObjectsUrl('s3://models?endpoint=http://127.0.0.1:9000')).toMatchObject({
      endpoint: 'http://127.0.0.1:9000',
      pathStyle: true,
      checksums: 'required',
    })
  })

  test.each([
    ['nonsense', /must be like s3:/],
    ['file:///srv/models', /leave it out for a folder/],
    [`s3://KEY:${secret}/x@bucket`, /percent-encoded \(\/ is %2F/],
    [`s3://KEY:${secret}%zz@bucket`, /%-escape/],
    [`s3://KEY:${secret}@`, /must be like s3:/],
    [`s3://KEY:${secret}@Bucket`, /names no bucket/],
    [`s3://KEY:${secret}@ab`, /names no bucket/],
    [`s3://KEY@bucket`, /needs both of key:secret@/],
    [`s3://KEY:${secret}@bucket/a b`, /has a prefix of more than/],
    [`s3://KEY:${secret}@bucket/a//b`, /has a prefix of more than/],
    [`s3://KEY:${secret}@bucket/.a`, /has a prefix of more than/],
    [`s3://KEY:${secret}@bucket?regoin=x`, /unknown parameter regoin; did you mean region\?/],
    [`s3://KEY:${secret}@bucket?secure=no`, /there are endpoint, region/],
    [`s3://KEY:${secret}@bucket?region=a&region=b`, /has region twice/],
    [`s3://KEY:${secret}@bucket?region=EU`, /region must be like/],
    [`s3://KEY:${secret}@bucket?endpoint=minio:9000`, /endpoint must be http/],
    [`s3://KEY:${secret}@bucket?endpoint=http://u:${secret}@minio`, /endpoint must be http.*without credentials/],
    [`s3://KEY:${secret}@bucket?path_style=yes`, /path_style must be true or false/],
    [`s3://KEY:${secret}@bucket?checksums=no`, /checksums must be always or required/],
    [`s3://KEY:${secret}@bucket?ca=/nowhere`, /ca cannot be read/],
    [`s3://KEY:${secret}@bucket?endpoint=http://minio&ca=${ca}`, /ca is for an endpoint by https/],
    [`s3://KEY:${secret}@bucket?timeout_ms=1`, /timeout_ms must be a whole number from 100/],
    [`s3://KEY:${secret}@bucket?pool_size=0`, /pool_size must be a whole number from 1/],
  ])('%s does not hold', (text, reason) => {
    const said = parseObjectsUrl(text)
    expect(said).toMatch(reason)
    expect(said).not.toContain(secret)
  })

  test('that does not hold is named with the other variables, and not shown', () => {
    const read = (): unknown => parseEnv({ OBJECTS_URL: `s3://KEY:${secret}@bucket?regoin=x` })
    expect(read).toThrow(/OBJECTS_URL: has an unknown parameter regoin; did you mean region\?/)
    expect(read).not.toThrow(secret)
  })
})
