// Submits a task, watches it and prints: `npm run watch -- --topic "a lighthouse" --sentences 5`.
//
// TASKFEED_URL and TASKFEED_TOKEN, or TASKFEED_USERNAME and TASKFEED_PASSWORD, are read from the environment.
// Ends with 0 if the task has succeeded.
import { env, exit, stderr, stdout } from 'node:process'
import { parseArgs } from 'node:util'

import WebSocket from 'ws'

import { Connection } from './connection.js'
import { LoginDocument } from './generated/graphql.js'
import { runTask } from './tasks.js'

const { values } = parseArgs({
  options: { topic: { type: 'string', default: 'a lighthouse' }, sentences: { type: 'string', default: '5' } },
})
const url = env['TASKFEED_URL'] ?? 'http://127.0.0.1:8000/graphql'

async function token(): Promise<string> {
  if (env['TASKFEED_TOKEN']) return env['TASKFEED_TOKEN']
  const input = { username: env['TASKFEED_USERNAME'] ?? '', password: env['TASKFEED_PASSWORD'] ?? '' }
  const { login } = await new Connection({ url, webSocket: WebSocket }).ask(LoginDocument, { input })
  if (!login?.token) throw new Error(login?.errors.map(({ message }) => message).join(' ') ?? 'not signed in')
  return login.token
}

const connection = new Connection({ url, token: await token(), webSocket: WebSocket })
const task = { tellStory: { topic: values.topic, sentences: Number(values.sentences) } }
const onRetry = (fault: Error, milliseconds: number) => {
  stderr.write(`${fault.message}; trying again in ${Math.round(milliseconds)} ms\n`)
}
let succeeded = false
for await (const { kind, event, gap, task: story } of runTask(connection, task, { onRetry })) {
  stdout.write(`${kind} ${event?.version ?? story.version} ${story.status} ${told()}\n`)
  succeeded = story.status === 'SUCCEEDED'

  function told(): string {
    if (gap) return `events are missing: ${gap.reason}`
    if (event?.__typename === 'TaskOutput') return event.chunk
    if (story.result) return `${story.result.words} words`
    return story.failure?.message ?? story.progress?.message ?? ''
  }
}
await connection.close()
exit(succeeded ? 0 : 1)
