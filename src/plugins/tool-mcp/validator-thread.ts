// Checks values against schemas of servers, in a thread that can be ended while it does.
import { parentPort } from 'node:worker_threads'
import { Validator } from '@cfworker/json-schema'
import { issuesOf } from './results/schema-errors.ts'

const MOST_VALIDATORS = 100
const validators = new Map<string, Validator>()

function validatorOf(text: string): Validator {
  let validator = validators.get(text)
  if (validator === undefined) {
    validator = new Validator(JSON.parse(text) as object, '2020-12', false)
    if (validators.size >= MOST_VALIDATORS) validators.clear()
    validators.set(text, validator)
  }
  return validator
}

parentPort?.on('message', ([schema, value]: readonly [schema: string, value: string]) => {
  try {
    const { valid, errors } = validatorOf(schema).validate(JSON.parse(value))
    parentPort?.postMessage({ issues: valid ? [] : issuesOf(errors.slice(0, 1_000)) })
  } catch (error) {
    parentPort?.postMessage({ problem: error instanceof Error ? error.message : 'the schema cannot be used' })
  }
})
parentPort?.postMessage('ready')
