import {
  afterStreams,
  all,
  allBut,
  counted,
  first,
  fromSecond,
  pairs,
  type Positions,
  second,
  triples,
  two,
} from './positions.ts'

/**
 * Every command that there is here, and where its keys are. What is not named is refused: commands about the server, about
 * connections and channels, those that wait (`B…`, `BLOCK`), those that name keys in patterns (`SORT … BY`) and those whose
 * cost has no bound (`LCS`, `RESTORE`).
 */
export interface Spec {
  readonly access: 'read' | 'write'
  readonly keys: Positions
  /** How much it may answer; absent: little. */
  readonly answers?: 'keys' | 'fields' | 'element'
  /** It makes a key of what others hold. */
  readonly copies?: true
  /** It makes no room smaller: allowed also where there is none left. */
  readonly frees?: true
  /** Keys are named in what it answers. */
  readonly names?: true
}

type Row = readonly [names: string, keys: Positions, more?: Omit<Spec, 'access' | 'keys'>]

const whole = { answers: 'keys' } as const
const element = { answers: 'element' } as const
const frees = { frees: true } as const

const reads: readonly Row[] = [
  ['PING ECHO TIME', () => []],
  ['STRLEN GETBIT BITCOUNT BITPOS TTL PTTL EXPIRETIME PEXPIRETIME TYPE', first],
  ['HLEN HEXISTS HSTRLEN HTTL HPTTL HEXPIRETIME HPEXPIRETIME LLEN LPOS SISMEMBER SMISMEMBER SCARD', first],
  ['ZCARD ZCOUNT ZLEXCOUNT ZRANK ZREVRANK ZSCORE ZMSCORE GEODIST GEOHASH GEOPOS XLEN', first],
  ['GET GETRANGE SUBSTR BITFIELD_RO HGETALL HKEYS HVALS HSCAN LRANGE SMEMBERS SSCAN', first, whole],
  ['ZRANGE ZRANGEBYSCORE ZREVRANGE ZREVRANGEBYSCORE ZRANGEBYLEX ZREVRANGEBYLEX ZSCAN', first, whole],
  ['GEOSEARCH XRANGE XREVRANGE XPENDING', first, whole],
  ['HGET HMGET', first, { answers: 'fields' }],
  ['LINDEX SRANDMEMBER HRANDFIELD ZRANDMEMBER', first, element],
  ['EXISTS TOUCH PFCOUNT', all],
  ['MGET SINTER SUNION SDIFF', all, whole],
  ['ZUNION ZINTER ZDIFF', counted(1), whole],
  ['SINTERCARD ZINTERCARD', counted(1)],
  ['XINFO', second, whole],
  ['XREAD', afterStreams, { answers: 'keys', names: true }],
  ['JSON.TYPE JSON.STRLEN JSON.ARRLEN JSON.OBJLEN JSON.ARRINDEX', first],
  ['JSON.GET JSON.OBJKEYS JSON.RESP', first, whole],
  ['JSON.MGET', allBut(1), whole],
]

const writes: readonly Row[] = [
  ['SET SETEX PSETEX SETNX APPEND INCR DECR INCRBY DECRBY INCRBYFLOAT SETRANGE SETBIT BITFIELD', first],
  ['GETSET', first, whole],
  ['GETDEL GETEX HGETDEL HGETEX', first, { ...whole, ...frees }],
  ['EXPIRE PEXPIRE EXPIREAT PEXPIREAT PERSIST HEXPIRE HPEXPIRE HEXPIREAT HPEXPIREAT HPERSIST', first, frees],
  ['HSET HMSET HSETNX HINCRBY HINCRBYFLOAT HSETEX', first],
  ['LPUSH RPUSH LPUSHX RPUSHX LSET LINSERT SADD', first],
  ['HDEL LREM LTRIM SREM ZREM ZREMRANGEBYSCORE ZREMRANGEBYRANK ZREMRANGEBYLEX XDEL XTRIM XACK', first, frees],
  ['LPOP RPOP SPOP ZPOPMIN ZPOPMAX', first, { ...element, ...frees }],
  ['ZADD ZINCRBY GEOADD PFADD XADD', first],
  ['XCLAIM XAUTOCLAIM', first, whole],
  ['DEL UNLINK', all, frees],
  ['SDIFFSTORE SINTERSTORE SUNIONSTORE PFMERGE', all, { copies: true }],
  ['MSET MSETNX', pairs],
  ['RENAME RENAMENX SMOVE', two],
  ['LMOVE RPOPLPUSH', two, element],
  ['COPY ZRANGESTORE GEOSEARCHSTORE', two, { copies: true }],
  ['BITOP', fromSecond, { copies: true }],
  ['ZUNIONSTORE ZINTERSTORE ZDIFFSTORE', counted(2, 1), { copies: true }],
  ['LMPOP ZMPOP', counted(1), { answers: 'keys', names: true, frees: true }],
  ['XGROUP', second],
  ['XREADGROUP', afterStreams, { answers: 'keys', names: true }],
  ['JSON.SET JSON.MERGE JSON.TOGGLE JSON.NUMINCRBY JSON.NUMMULTBY', first],
  ['JSON.STRAPPEND JSON.ARRAPPEND JSON.ARRINSERT', first],
  ['JSON.DEL JSON.FORGET JSON.CLEAR JSON.ARRTRIM', first, frees],
  ['JSON.ARRPOP', first, { ...whole, ...frees }],
  ['JSON.MSET', triples],
]

export const commands: ReadonlyMap<string, Spec> = new Map([...specs('read', reads), ...specs('write', writes)])

function* specs(access: Spec['access'], rows: readonly Row[]): Iterable<readonly [string, Spec]> {
  for (const [names, keys, more] of rows) {
    for (const name of names.split(' ')) yield [name, { access, keys, ...more }]
  }
}
