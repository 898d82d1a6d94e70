import { expect, it } from 'vitest'
import type { McpElicitation, McpEvent } from '../port.ts'
import { answerTo, capabilitiesOf, eventOf } from './server-requests.ts'

it('declares nothing that no handler is there for', () => {
  expect(capabilitiesOf({})).toEqual({})
  expect(capabilitiesOf({ sample: async () => ({}) })).toEqual({ sampling: {} })
})

it.each([
  ['https://pay.example/x?y=1', true],
  ['http://pay.example/', false],
  ['javascript:alert(1)', false],
  ['file:///etc/passwd', false],
  ['not an address', false],
])('shows a person the address %s: %s', async (url, isShown) => {
  const asked: McpElicitation[] = []
  const events: McpEvent[] = []
  const answer = answerTo('elicitation/create', {
    handlers: {
      elicit: async (request) => {
        asked.push(request)
        return { action: 'accept' }
      },
    },
    onEvent: (event) => events.push(event),
  })
  const given = await answer({ mode: 'url', message: 'Pay', url, elicitationId: '1' }, undefined)
  expect(given).toEqual({ action: isShown ? 'accept' : 'decline' })
  expect(asked).toEqual(isShown ? [{ mode: 'url', message: 'Pay', url, host: 'pay.example' }] : [])
  expect(events).toHaveLength(isShown ? 0 : 1)
})

it('understands what servers say by themselves, and nothing else', () => {
  expect(eventOf('notifications/tools/list_changed', undefined)).toEqual({ type: 'changed', what: 'tools' })
  expect(eventOf('notifications/resources/updated', { uri: 'a:b' })).toEqual({ type: 'resource-updated', uri: 'a:b' })
  expect(eventOf('notifications/message', { level: 'error', data: { a: 1 } })).toEqual({
    type: 'log',
    level: 'error',
    data: { a: 1 },
  })
  expect(eventOf('constructor', {})).toBeUndefined()
})
