import { randomBytes } from '../base/clock.ts'
import type { DataflowSpec, JobSpec } from '../jobs/job.ts'
import type { Supervisor } from '../jobs/supervisor.ts'
import type { Checkpoints } from '../state/checkpoints.ts'
import type { Catalog } from './catalog.ts'
import { type JobObject, jobOf, qualifiedName } from './objects.ts'

/** The catalog's jobs in their dataflows: those that build on one another share one, others have one each. */
export class StandingJobs {
  readonly #catalog: Catalog
  readonly #supervisor: Supervisor
  readonly #checkpoints: (dataflow: string) => Checkpoints

  constructor(catalog: Catalog, supervisor: Supervisor, checkpoints: (dataflow: string) => Checkpoints) {
    this.#catalog = catalog
    this.#supervisor = supervisor
    this.#checkpoints = checkpoints
  }

  /** After a start of the program: a dataflow that cannot start now is tried again. */
  async startAll(): Promise<void> {
    for (const spec of this.#dataflows()) await this.#startDataflow(spec)
  }

  /** Starts a new job that reads `dependsOn`, and tells it its dataflow. Throws when it cannot. */
  async start(name: string, job: JobObject, dependsOn: readonly string[]): Promise<void> {
    const upstream = new Set<string>()
    for (const needed of dependsOn) {
      const view = this.#catalog.objects.get(needed)
      if (view?.kind === 'materialized view') upstream.add(view.job.dataflow)
    }
    const [first, ...others] = upstream
    if (others.length > 0) return await this.#merge([first, ...others], job)
    if (first !== undefined) {
      job.dataflow = first
      return await this.#supervisor.addJob(first, jobSpec(name, job))
    }
    job.dataflow = newDataflowId()
    const spec = { id: job.dataflow, jobs: [jobSpec(name, job)], mergedFrom: [] }
    await this.#supervisor.start(spec, { firstMustWork: true, paused: false })
  }

  /** Ends a job that is no longer in the catalog; the last of its dataflow takes the checkpoints along. */
  async remove(name: string, job: JobObject): Promise<void> {
    await this.#supervisor.removeJob(job.dataflow, name)
    if (this.#jobsOf(job.dataflow).length > 0) return
    for (const dataflow of [job.dataflow, ...(this.#catalog.merges.get(job.dataflow) ?? [])]) {
      await this.#checkpoints(dataflow).clear()
    }
    this.#catalog.merges.delete(job.dataflow)
  }

  /** Pauses or resumes the jobs of a dataflow; starts it again if it failed. Answers their names. */
  async setPaused(dataflow: string, paused: boolean): Promise<string[]> {
    const together = this.#jobsOf(dataflow)
    for (const { job } of together) job.paused = paused
    await this.#catalog.save()
    const spec = this.#dataflows().find(d => d.id === dataflow)
    const [status] = (await this.#supervisor.status()).filter(s => s.dataflow === dataflow)
    if (!paused && status?.state === 'failed' && spec) {
      await this.#supervisor.stop(dataflow, { save: false })
      await this.#startDataflow(spec)
    } else await this.#supervisor.setPaused(dataflow, paused)
    return together.map(each => each.name)
  }

  /** Makes one dataflow of several, whose state it takes over: stored before it starts, as its sinks may then go on. */
  async #merge(parts: readonly string[], job: JobObject): Promise<void> {
    const from: string[] = []
    try {
      for (const part of parts) await this.#supervisor.stop(part, { save: true })
      // One that was merged and failed before it could save is still what it was merged from.
      for (const part of parts) {
        from.push(...((await this.#checkpoints(part).latest()) ? [part] : (this.#catalog.merges.get(part) ?? [])))
      }
    } catch (error) {
      for (const spec of this.#dataflows()) {
        if (parts.includes(spec.id) && !this.#supervisor.hostOf(spec.id)) await this.#startDataflow(spec)
      }
      throw error
    }
    job.dataflow = newDataflowId()
    for (const part of parts) for (const other of this.#jobsOf(part)) other.job.dataflow = job.dataflow
    this.#catalog.merges.set(job.dataflow, from)
    await this.#catalog.save()
    const spec = this.#dataflows().find(d => d.id === job.dataflow)
    if (spec) await this.#startDataflow(spec)
  }

  #jobsOf(dataflow: string): { readonly name: string; readonly job: JobObject }[] {
    return [...this.#catalog.objects.values()].flatMap(object => {
      const job = jobOf(object)
      return job?.dataflow === dataflow ? [{ name: qualifiedName(object), job }] : []
    })
  }

  #dataflows(): DataflowSpec[] {
    const jobs = new Map<string, JobSpec[]>()
    for (const [name, object] of this.#catalog.objects) {
      const job = jobOf(object)
      if (job) jobs.set(job.dataflow, [...(jobs.get(job.dataflow) ?? []), jobSpec(name, job)])
    }
    return [...jobs].map(([id, specs]) => ({ id, jobs: specs, mergedFrom: this.#catalog.merges.get(id) ?? [] }))
  }

  async #startDataflow(spec: DataflowSpec): Promise<void> {
    const paused = this.#jobsOf(spec.id).some(({ job }) => job.paused)
    await this.#supervisor.start(spec, { firstMustWork: false, paused })
  }
}

function jobSpec(name: string, job: JobObject): JobSpec {
  return { name, definition: job.definition }
}

function newDataflowId(): string {
  return Buffer.from(randomBytes(8)).toString('hex')
}
