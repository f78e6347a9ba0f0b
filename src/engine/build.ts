import { assert, unreachable } from '../base/assert.ts'
import { EngineError, notSupported } from '../base/errors.ts'
import { type Batch, batchOfRows, ownedCopy } from '../batch/batch.ts'
import type { NodeId } from '../dataflow/graph.ts'
import type { Operator, SideOutput } from '../dataflow/operator.ts'
import { compileProjection, type Projection } from '../expr/compile.ts'
import type { EvalContext, Expr } from '../expr/expr.ts'
import { Cumulate } from '../operators/cumulate.ts'
import type { Compile } from '../operators/evaluate.ts'
import { Filter } from '../operators/filter.ts'
import { HashAggregate } from '../operators/hash-aggregate.ts'
import { HashJoin } from '../operators/hash-join.ts'
import { Hop } from '../operators/hop.ts'
import { canUseParts, LiveWindowAggregate } from '../operators/live-window-aggregate.ts'
import { Project } from '../operators/project.ts'
import { Rank } from '../operators/rank.ts'
import { Repeat } from '../operators/repeat.ts'
import { Session } from '../operators/session.ts'
import { Sort } from '../operators/sort.ts'
import { Tumble } from '../operators/tumble.ts'
import { Union } from '../operators/union.ts'
import { canUsePanes, WindowAggregate } from '../operators/window-aggregate.ts'
import { joinKeys, joinTimes } from '../plan/join-times.ts'
import type { Aggregate, Join, LogicalPlan, Scan } from '../plan/logical.ts'
import { isChanging, windowEndKey } from '../plan/properties.ts'
import { conjunction } from '../plan/rules/push-predicates.ts'

/** How a plan's leaves and surroundings are given when it is made a dataflow. */
export interface BuildContext {
  /** Adds an operator to the graph. */
  readonly add: (operator: Operator, inputs: readonly NodeId[]) => NodeId
  /** A read: inputs end, and aggregates answer once, at the end. */
  readonly bounded: boolean
  /** Adds whatever brings the rows of a scan; answers its node. */
  readonly scan: (scan: Scan) => NodeId
  /** Rows that never change, for VALUES and SELECT without FROM: pushed by whoever runs the dataflow. */
  readonly constant: (batch: Batch) => NodeId
  readonly evalContext: () => EvalContext
  /** Where unusable rows go. Undefined: an error ends the read. */
  readonly side: SideOutput | undefined
}

/** Makes a plan a dataflow; answers the node its rows come from. */
export function buildPlan(plan: LogicalPlan, context: BuildContext): NodeId {
  const compile = compiler(context)
  const { side } = context
  const add = (operator: Operator, ...inputs: NodeId[]): NodeId => context.add(operator, inputs)
  const build = (input: LogicalPlan): NodeId => buildPlan(input, context)
  switch (plan.kind) {
    case 'scan': {
      const node = context.scan(plan)
      return plan.predicate
        ? add(new Filter({ schema: plan.schema, predicate: plan.predicate, compile, side }), node)
        : node
    }
    case 'values': {
      const evaluated = plan.rows.map(row => compile(row)(oneRow))
      const schema = plan.schema
      const rows = evaluated.map((columns): Batch => ({ schema, rowCount: 1, columns, weights: undefined }))
      // Without any row there still is an input, for whatever waits for its end.
      if (rows.length === 0) return context.constant(batchOfRows(schema, []))
      return add(new Union(schema), ...rows.map(row => context.constant(ownedCopy(row))))
    }
    case 'filter':
      return add(new Filter({ schema: plan.schema, predicate: plan.predicate, compile, side }), build(plan.input))
    case 'project':
      return add(new Project({ schema: plan.schema, exprs: plan.exprs, compile, side }), build(plan.input))
    case 'window': {
      const { schema, time, sizeMicros, slideMicros, offsetMicros } = plan
      const window = { schema, time, sizeMicros, offsetMicros, side }
      const operators = {
        tumble: () => new Tumble(window),
        hop: () => new Hop({ ...window, slideMicros }),
        cumulate: () => new Cumulate({ ...window, stepMicros: slideMicros }),
      }
      return add(operators[plan.function](), build(plan.input))
    }
    case 'session': {
      const { schema, input, time, gapMicros, keys } = plan
      const final = context.bounded || plan.final
      return add(
        new Session({ schema, input: input.schema, time, gapMicros, keys, final, compile, side }),
        build(input),
      )
    }
    case 'rank': {
      const { bounded } = context
      const windowEnd = bounded ? undefined : windowEndKey(plan.input, plan.keys)
      const retractable = isChanging(plan.input)
      const options = {
        ...plan,
        input: plan.input.schema,
        rankMax: plan.rankMax,
        windowEnd,
        retractable,
        compile,
        side,
      }
      return add(new Rank({ ...options, final: bounded || plan.final }), build(plan.input))
    }
    case 'aggregate':
      return buildAggregate(plan, context, compile, add)
    case 'union':
      return add(new Union(plan.schema), ...plan.inputs.map(build))
    case 'repeat': {
      const { schema, count } = plan
      const apart = context.bounded || !isChanging(plan)
      return add(new Repeat({ schema, count, apart }), build(plan.input))
    }
    case 'join':
      return buildJoin(plan, context, compile, add)
    case 'sort': {
      const { schema, keys } = plan
      const limit = rowCount(plan.limit, 'LIMIT')
      const offset = rowCount(plan.offset, 'OFFSET') ?? 0
      return add(new Sort({ schema, keys, limit, offset, compile }), build(plan.input))
    }
    default:
      return unreachable(plan)
  }
}

/** The number a LIMIT or OFFSET came to; NULL is none. */
function rowCount(expr: Expr | undefined, clause: string): number | undefined {
  if (expr === undefined) return undefined
  assert(expr.kind === 'literal', `${clause} is a constant when it runs`)
  if (expr.value === null) return undefined
  const count = Number(expr.value)
  if (count < 0) throw new EngineError(clause === 'LIMIT' ? '2201W' : '2201X', `${clause} must not be negative`)
  return count
}

/** A batch of one row without columns: what expressions over nothing are evaluated on. */
const oneRow: Batch = { schema: { fields: [] }, rowCount: 1, columns: [], weights: undefined }

/** Compiles when the first batch tells the input's schema. */
function compiler(context: BuildContext): Compile {
  return exprs => {
    let run: Projection | undefined
    return batch => {
      run ??= compileProjection(exprs, batch.schema)
      return run(batch, context.evalContext())
    }
  }
}

function buildJoin(
  plan: Join,
  context: BuildContext,
  compile: Compile,
  add: (operator: Operator, ...inputs: NodeId[]) => NodeId,
): NodeId {
  const { schema, type, left, right } = plan
  const { leftKeys, rightKeys, residual } = joinKeys(plan)
  const times = joinTimes(plan)
  const operator = new HashJoin({
    schema,
    type,
    left: { schema: left.schema, keys: leftKeys, lifetime: times.left, late: times.leftLate },
    right: { schema: right.schema, keys: rightKeys, lifetime: times.right, late: times.rightLate },
    residual: residual.length > 0 ? conjunction(residual) : undefined,
    final: context.bounded || plan.final,
    delayMicros: times.delayMicros,
    compile,
    side: context.side,
  })
  return add(operator, buildPlan(left, context), buildPlan(right, context))
}

function buildAggregate(
  plan: Aggregate,
  context: BuildContext,
  compile: Compile,
  add: (operator: Operator, ...inputs: NodeId[]) => NodeId,
): NodeId {
  const { schema, keys, aggregates } = plan
  const { side, bounded } = context
  const retractable = isChanging(plan.input)
  const final = bounded || plan.final
  const windowEnd = bounded ? undefined : plan.windowEnd
  if (plan.final && retractable && !bounded) throw notSupported('EMIT FINAL over an input whose rows change')
  assert(!plan.final || plan.windowEnd !== undefined, 'EMIT FINAL has a window')
  const options = { schema, keys, aggregates, windowEnd, final, retractable, compile, side }
  const { input } = plan
  if (input.kind === 'window' && input.function !== 'cumulate' && !retractable) {
    const windowed = { ...options, ...input, schema, inputWidth: input.input.schema.fields.length }
    if (final && canUsePanes(windowed)) return add(new WindowAggregate(windowed), buildPlan(input.input, context))
    if (!final && input.function === 'hop' && canUseParts(windowed)) {
      return add(new LiveWindowAggregate(windowed), buildPlan(input.input, context))
    }
  }
  return add(new HashAggregate(options), buildPlan(input, context))
}
