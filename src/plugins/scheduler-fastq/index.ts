/**
 * An in-process queue.
 *
 * @module
 */

export { fastqScheduler, type FastqSchedulerOptions } from './fastq-scheduler.ts'
