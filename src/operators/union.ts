import { type Batch, createBatch } from '../batch/batch.ts'
import type { Schema } from '../batch/types.ts'
import type { Emit, Operator } from '../dataflow/operator.ts'

/** UNION ALL: what any input brings, under the names of the first. Also gives a batch other column names. */
export class Union implements Operator {
  readonly schema: Schema

  constructor(schema: Schema) {
    this.schema = schema
  }

  onBatch(batch: Batch, _input: number, emit: Emit): void {
    emit(createBatch(this.schema, batch.rowCount, batch.columns, batch.weights))
  }
}
