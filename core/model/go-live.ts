import { recordChange } from '../config/index.ts'
import type { ControlTx } from '../storage/control.ts'
import { type ModelRow, upsertModel } from './store.ts'

/** From now on this version predicts, and the one that did is the previous one. */
export async function goLive(tx: ControlTx, model: ModelRow, version: number): Promise<void> {
  const { workspace, name, live } = model
  const previous = live === version ? model.previous : live
  await upsertModel(tx, { ...model, live: version, previous })
  await recordChange(tx, { kind: 'model', workspace, name })
}
