export { fastqScheduler, type FastqSchedulerOptions } from './fastq-scheduler.ts'
