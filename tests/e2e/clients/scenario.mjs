// What every client must be able to do. `node scenario.mjs URL TOKENS` lets all of them do it at once, each with
// the token under its name in the JSON object TOKENS, and prints one: what each was told, by its name.
import { CLIENTS, errorsOf } from './clients.mjs'

const MOST_MILLISECONDS = 60_000
const [url, tokens] = process.argv.slice(2)

const SUBMIT = `mutation Submit($task: TaskInput!) {
  submitTask(input: {task: $task}) { task { id status } errors { ... on UserError { message } } }
}`
const WATCH = `subscription Watch($id: ID!) {
  taskUpdated(id: $id) { kind cursor task { status ... on ReverseStringTask { result { text } } } }
}`
const FEED = 'subscription Feed { tasksUpdated { kind cursor } }'
const ME = 'query Me { me { username } }'

/** Everything that a subscription tells, until it ends. */
function followed(client, query, variables) {
  const frames = []
  return new Promise((resolve) => {
    client.follow(query, variables, {
      next: ({ data, errors }) => (errors ? resolve({ frames, errors }) : frames.push(Object.values(data)[0])),
      error: (fault) => resolve({ frames, errors: errorsOf(fault) }),
      complete: () => resolve({ frames }),
    })
  })
}

/** Follows until the first frame, then stops; the answer has all frames that came, also later. */
function firstOf(client, query) {
  const frames = []
  return new Promise((resolve) => {
    const stop = client.follow(query, {}, {
      next: ({ data }) => {
        frames.push(Object.values(data)[0])
        stop()
        resolve(frames)
      },
      error: (fault) => resolve([String(fault)]),
      complete: () => undefined,
    })
  })
}

const codes = ({ errors }) => (errors ?? []).map((error) => error.extensions?.code ?? error)
const submit = async (client, task) => (await client.ask(SUBMIT, { task })).data.submitTask.task.id
const submitAll = async (client, texts) => {
  const ids = []
  for (const text of texts) ids.push(await submit(client, { reverseString: { text } }))
  return ids
}
// urql leaves the rejection of a fetch that it has aborted itself to nobody.
process.on('unhandledRejection', (fault) => {
  if (fault?.name !== 'AbortError') throw fault
})

async function goThrough(connect, where, told) {
  const client = connect(where)
  told.query = (await client.ask(ME, {})).data
  told.submitted = typeof (await submit(client, { wait: { seconds: 0 } }))

  const [watched] = await submitAll(client, ['live'])
  told.watched = (await followed(client, WATCH, { id: watched })).frames.at(-1)?.task

  const several = await submitAll(client, ['ab', 'cd', 'ef'])
  const results = await Promise.all(several.map((id) => followed(client, WATCH, { id })))
  told.several = results.map(({ frames }) => frames.at(-1)?.task.result.text)

  const stopped = await firstOf(client, FEED)
  await submitAll(client, ['unheard'])
  told.stopped = stopped.map(({ kind }) => kind)
  told.wentOn = (await client.ask(ME, {})).data

  told.invalidQuery = codes(await client.ask('query Bad { nope }', {}))
  told.invalidSubscription = codes(await followed(client, 'subscription Bad { nope }', {}))
  told.foreign = codes(await followed(client, WATCH, { id: '01890000-0000-7000-8000-000000000000' }))
  told.livesOn = (await client.ask(ME, {})).data

  // An idle stream or socket, for more than two of the server's heartbeats.
  const idle = await submit(client, { wait: { seconds: 4 } })
  told.idle = (await followed(client, WATCH, { id: idle })).frames.at(-1)?.task?.status
  told.seen = { ...client.seen }
  client.close()

  const nobody = connect({ ...where, token: '' })
  told.nobody = codes(await followed(nobody, WATCH, { id: watched }))
  nobody.close()

  const stranger = connect({ ...where, token: 'bad' })
  told.stranger = { ...(await followed(stranger, WATCH, { id: watched })).errors?.[0] }
  told.closed = stranger.seen.closed
  stranger.close()
}

const all = Object.entries(JSON.parse(tokens)).map(async ([name, token]) => {
  const where = { url, wsUrl: url.replace('http', 'ws'), token }
  const told = {}
  const late = new Promise((_, reject) => setTimeout(reject, MOST_MILLISECONDS, new Error('it hangs')))
  await Promise.race([goThrough(CLIENTS[name], where, told), late]).catch((fault) => (told.fault = String(fault?.stack ?? fault)))
  return [name, told]
})
console.log(JSON.stringify(Object.fromEntries(await Promise.all(all))))
process.exit(0)
