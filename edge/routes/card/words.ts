/** How numbers and times are written on a card. */

const whole = new Intl.NumberFormat('en')

export function count(value: number): string {
  return whole.format(value)
}

/** Three significant digits, or all of a whole number. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return '–'
  if (Math.abs(value) >= 1_000) return whole.format(Math.round(value))
  if (value !== 0 && Math.abs(value) < 0.000_1) return value.toExponential(1)
  return String(Number(value.toPrecision(3)))
}

export function percent(share: number): string {
  return `${figure(100 * share)} %`
}

/** To the minute, in UTC; a midnight is its day. */
export function moment(time: number | string): string {
  const text = new Date(time).toISOString()
  return text.slice(11, 16) === '00:00' ? text.slice(0, 10) : `${text.slice(0, 10)} ${text.slice(11, 16)}`
}

/** What tells one series from another. */
export function seriesName(key: readonly string[]): string {
  return key.join(', ')
}

const metricNames: Readonly<Record<string, string>> = {
  auc: 'AUC',
  log_loss: 'log loss',
  brier: 'Brier score',
  accuracy: 'accuracy',
  balanced_accuracy: 'balanced accuracy',
  f1: 'F1',
  rmse: 'RMSE',
  mae: 'MAE',
  mape: 'MAPE',
  r2: 'R²',
}

export function metricName(metric: string): string {
  return metricNames[metric] ?? metric
}

const higherIsBetter = new Set(['auc', 'accuracy', 'balanced_accuracy', 'f1', 'r2'])

export function isHigherBetter(metric: string): boolean {
  return higherIsBetter.has(metric)
}
