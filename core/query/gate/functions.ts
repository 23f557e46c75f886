import { aggregateFunctions, combinators } from './aggregates.ts'
import { scalarFunctions } from './scalars.ts'

/** Names of the lists that the engine takes in any case. */
const anyCase = `
    BIT_AND BIT_OR BIT_XOR CARDINALITY CAST CHARACTER_LENGTH CHAR_LENGTH COVAR_POP COVAR_SAMP CRC32 CRC32IEEE CRC64
    DATE DATE_FORMAT DATE_TRUNC DAY DAYOFMONTH DAYOFWEEK DAYOFYEAR FORMAT_BYTES FROM_BASE64 FROM_DAYS FROM_UNIXTIME
    HMAC HOUR INET6_ATON INET6_NTOA INET_ATON INET_NTOA JSON_ARRAY_LENGTH LAST_DAY MICROSECOND MILLISECOND MINUTE
    MONTH NANOSECOND NATURAL_SORT_KEY OCTET_LENGTH QUARTER REGEXP_EXTRACT REGEXP_MATCHES REGEXP_REPLACE REGEXP_SUBSTR
    SECOND STD STDDEV STDDEV_POP STDDEV_SAMP SUBSTRING_INDEX TO_BASE64 TO_DAYS TO_UNIXTIME UTCTimestamp UTC_timestamp
    VAR_POP VAR_SAMP YEAR YYYYMMDDToDate YYYYMMDDToDate32 YYYYMMDDhhmmssToDateTime abs acos addDate age
    analysisOfVariance anova any_value any_value_respect_nulls approx_top_count approx_top_k approx_top_sum
    arrayPartialShuffle arrayShuffle array_agg array_remove array_to_string ascii asin atan atan2 avg avg2 bin
    byteSlice byteSwap ceil ceiling char coalesce concat concat_ws corr cos count countSubstrings curdate current_date
    current_timestamp dateDiff dateName date_bin degrees dense_rank distanceCosine distanceCosineTransposed distanceL1
    distanceL2 distanceL2Squared distanceL2Transposed distanceLinf distanceLp exp factorial firstNonDefault
    first_value first_value_respect_nulls flatten floor from_utc_timestamp greatest group_concat hasSubsequence
    hasSubsequenceCaseInsensitive hasSubsequenceCaseInsensitiveUTF8 hasSubsequenceUTF8 hasTokenCaseInsensitive
    hasTokenCaseInsensitiveOrNull hex hypot if ifNull initcap instr isNull kolmogorovSmirnovTest lag last_value
    last_value_respect_nulls lcase lead least left length ln localtime localtimestamp locate log log10 log2 lower lpad
    makeDate makeDate32 makeDateTime makeDateTime64 max max2 max_by mid midpoint min min2 min_by mod modOrNull
    monthName normL1 normL2 normL2Squared normLinf normLp normalizeL1 normalizeL2 normalizeLinf normalizeLp not now
    now64 nth_value ntile nullIf overlay percent_rank pi pmod pmodOrNull position positiveModulo positiveModuloOrNull
    positive_modulo positive_modulo_or_null pow power radians rand rank regexpInstr regexp_instr repeat replace
    reverse right round row_number rpad scalarProduct scalarProductTransposed sign sin soundex space sqr sqrt
    str_to_date str_to_map string_agg subDate substr substring sum tan tanh timeDiff timeZone time_bucket timestamp
    timezone toDecimalString to_utc_timestamp today trunc truncate ucase unbin unhex unnest upper vectorDifference
    vectorSum week width_bucket yearweek
`

const words = (text: string): string[] => text.trim().split(/\s+/)
const scalars = new Set(Object.values(scalarFunctions).flatMap(words))
const aggregates = new Set(Object.values(aggregateFunctions).flatMap(words))
const lowered = new Map(words(anyCase).map((name) => [name.toLowerCase(), name]))

/** Every name on the lists, for a did-you-mean. */
export const functionNames: readonly string[] = [...scalars, ...aggregates]

/** Whether the engine would take the name for a function of the lists. */
export function isAllowedFunction(name: string): boolean {
  const known = lowered.get(name.toLowerCase()) ?? name
  return scalars.has(known) || isAggregate(known)
}

function isAggregate(name: string): boolean {
  if (aggregates.has(name)) return true
  for (const suffix of combinators) {
    if (name.length > suffix.length && name.endsWith(suffix)) {
      const inner = name.slice(0, -suffix.length)
      const known = lowered.get(inner.toLowerCase()) ?? inner
      if (isAggregate(known)) return true
    }
  }
  return false
}

/** Functions that stand where a table does, make rows of their arguments alone, and are bounded by the limits of a query. */
export const tableFunctions: ReadonlySet<string> = new Set([
  'generateSeries',
  'generate_series',
  'numbers',
  'numbers_mt',
  'values',
  'VALUES',
  'view',
])

/** Functions whose first argument is the name of an aggregate function, as a text. */
export const aggregatesByName: ReadonlySet<string> = new Set([
  'arrayReduce',
  'arrayReduceInRanges',
  'initializeAggregation',
])

/** Functions whose second argument may be the name of a table. */
export const membershipFunctions: ReadonlySet<string> = new Set(
  ['in', 'notIn', 'nullIn', 'notNullIn'].flatMap((name) => {
    const global = `global${name.charAt(0).toUpperCase()}${name.slice(1)}`
    return [name, global, `${name}IgnoreSet`, `${global}IgnoreSet`]
  }),
)
