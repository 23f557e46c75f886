import type { ModelOptions, OptionName } from './options.ts'

/** Where something stands in the statement's text: offsets of JavaScript's characters, the end excluded. */
export interface Span {
  readonly start: number
  readonly end: number
}

/** A name, without its quotes. */
export interface Name extends Span {
  readonly name: string
}

/** A SELECT as it is written between its parentheses. It may end in a line comment. Nothing about it is judged yet. */
export interface Part extends Span {
  readonly sql: string
}

export interface ModelName extends Name {
  /** The live one where it is undefined. */
  readonly version: number | undefined
}

/** What `USING` says. */
export interface Using {
  readonly options: ModelOptions
  /** Where each value stands. */
  readonly spans: Readonly<Partial<Record<OptionName, Span>>>
}

/** `CREATE [OR REPLACE] MODEL [IF NOT EXISTS] name FROM (SELECT …) [PREDICT target] [ORDER BY t] [GROUP BY k, …] [WINDOW n] [HORIZON n] [USING …]` */
export interface CreateModel extends Using {
  readonly kind: 'create_model'
  readonly model: Name
  readonly orReplace: boolean
  readonly ifNotExists: boolean
  readonly from: Part
  readonly predict: Name | undefined
  readonly orderBy: Name | undefined
  readonly groupBy: readonly Name[]
  /** Rows before each that are looked back on. */
  readonly window: number | undefined
  /** Steps ahead. */
  readonly horizon: number | undefined
}

/** `RETRAIN [MODEL] name [FROM (SELECT …)] [EVERY n MINUTES|HOURS|DAYS|WEEKS] [USING …]` */
export interface RetrainModel extends Using {
  readonly kind: 'retrain_model'
  readonly model: Name
  readonly from: Part | undefined
  readonly everyMs: number | undefined
}

/** `DROP MODEL [IF EXISTS] name[.version]`: without a version the whole model. */
export interface DropModel {
  readonly kind: 'drop_model'
  readonly model: ModelName
  readonly ifExists: boolean
}

/** `DROP SCHEDULE [IF EXISTS] FOR MODEL name`: ends what `RETRAIN … EVERY` began. */
export interface DropSchedule {
  readonly kind: 'drop_schedule'
  readonly model: Name
  readonly ifExists: boolean
}

/** `SHOW MODELS [LIKE 'pattern']` */
export interface ShowModels {
  readonly kind: 'show_models'
  readonly like: string | undefined
}

export const aspects = ['info', 'features', 'metrics', 'card', 'jobs', 'rollouts', 'shadow', 'watch'] as const
export type Aspect = (typeof aspects)[number]

/** `DESCRIBE MODEL name[.version][.info|.features|.metrics|.card|.jobs|.rollouts|.shadow|.watch]` */
export interface DescribeModel {
  readonly kind: 'describe_model'
  readonly model: ModelName
  readonly aspect: Aspect
}

/** `EVALUATE metric FROM (SELECT actual, prediction …)` */
export interface Evaluate {
  readonly kind: 'evaluate'
  readonly metric: Metric
  readonly from: Part
}

export const metrics = [
  'auc',
  'log_loss',
  'accuracy',
  'balanced_accuracy',
  'f1',
  'brier',
  'rmse',
  'mae',
  'mape',
  'r2',
] as const
export type Metric = (typeof metrics)[number]

/** `SET MODEL name LIVE version` */
export interface SetLive {
  readonly kind: 'set_live'
  readonly model: Name
  readonly version: number
}

/** `SET MODEL name LOG share` */
export interface SetLog {
  readonly kind: 'set_log'
  readonly model: Name
  /** Of the rows that are answered, from 0 to 1. */
  readonly share: number
}

/** `SET MODEL name WATCH EVERY n SECONDS|MINUTES|HOURS|DAYS|WEEKS` */
export interface SetWatch {
  readonly kind: 'set_watch'
  readonly model: Name
  readonly everyMs: number
}

/** `DROP WATCH [IF EXISTS] FOR MODEL name` */
export interface DropWatch {
  readonly kind: 'drop_watch'
  readonly model: Name
  readonly ifExists: boolean
}

/** `CANCEL TRAINING 'job'` */
export interface CancelTraining {
  readonly kind: 'cancel_training'
  readonly job: string
}

/** `CREATE ROLLOUT FOR MODEL name VERSION n STEPS (5, 50, 100) EVERY 10 MINUTES [GATE (SELECT …)]`, or `… VERSION n SHADOW [share]` */
export interface CreateRollout {
  readonly kind: 'create_rollout'
  readonly model: Name
  readonly version: number
  /** Percents of the traffic, rising. */
  readonly steps: readonly number[]
  readonly everyMs: number
  readonly gate: Part | undefined
  /** Of the rows that are answered, those that are scored as well; undefined where it gets traffic. */
  readonly shadow: number | undefined
}

/** `PAUSE|RESUME|ABORT ROLLOUT FOR MODEL name` */
export interface ChangeRollout {
  readonly kind: 'pause_rollout' | 'resume_rollout' | 'abort_rollout'
  readonly model: Name
}

export type ModelAction =
  | CreateModel
  | RetrainModel
  | DropModel
  | DropSchedule
  | ShowModels
  | DescribeModel
  | Evaluate
  | SetLive
  | SetLog
  | SetWatch
  | DropWatch
  | CancelTraining
  | CreateRollout
  | ChangeRollout

/** A statement about models, parsed. */
export type ModelStatement = ModelAction & {
  /** The name after a trailing FORMAT. */
  readonly format: string | undefined
}
