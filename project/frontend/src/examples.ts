/**
 * The operations that a newcomer finds as tabs. A variable left as "" is filled in by `fetcher.ts`.
 *
 * They are checked against `schema.graphql` by tests/unit/api/test_explorer.py.
 */

const submit = `# 1. Submit a task: count the primes up to
# a limit, which takes a moment. Press the
# triangle, or Ctrl-Enter.
#
# The answer comes at once and has the task's
# id. A worker runs the task meanwhile: go on
# to the tab "Watch".

mutation Submit {
  submitTask(
    input: {
      task: { countPrimes: { limit: 200000000 } }
    }
  ) {
    task {
      id
      status
    }
    errors {
      ... on UserError {
        code
        message
        path
      }
    }
  }
}
`;

const watch = `# 2. Watch a task: the answer changes as the
# task runs, and stays when it has ended.
#
# Below, an "id" left empty means the task
# that you submitted last on this page. Any
# task's will do, a finished one's too.

subscription Watch($id: ID!) {
  taskUpdated(id: $id) {
    kind
    task {
      id
      status
      progress {
        fraction
        message
      }
      ... on CountPrimesTask {
        result {
          count
          largest
        }
      }
    }
    event {
      __typename
      ... on TaskStatusChanged {
        from
        to
      }
      ... on TaskLogged {
        level
        message
      }
    }
  }
}
`;

const run = `# 3. Submit and watch in one operation.
#
# The key makes it safe to send again: with
# the same key you follow the same task. Left
# empty below, each run makes a new one.

subscription Run($key: String!) {
  runTask(
    input: {
      task: { countPrimes: { limit: 200000000 } }
      idempotencyKey: $key
    }
  ) {
    kind
    task {
      id
      status
      progress {
        fraction
        message
      }
      ... on CountPrimesTask {
        result {
          count
          largest
        }
      }
    }
  }
}
`;

const list = `# 4. List your tasks, the newest first.
#
# To see what else a task has, put the cursor
# between the braces and press Ctrl-Space, or
# open the book at the left edge.

query List {
  tasks(first: 10) {
    nodes {
      id
      type
      status
      createdAt
    }
  }
}
`;

export const examples = [
  { query: submit },
  { query: watch, variables: '{ "id": "" }' },
  { query: run, variables: '{ "key": "" }' },
  { query: list },
];
