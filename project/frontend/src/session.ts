/** What the status line shows: who is signed in, and how the socket is. */

export const endpoint = location.origin + location.pathname;

/** A value that React components follow with `useSyncExternalStore`. */
class Watched<T> {
  private readonly followers = new Set<() => void>();

  constructor(private value: T) {}

  readonly get = (): T => this.value;

  readonly set = (value: T): void => {
    this.value = value;
    for (const follower of this.followers) follower();
  };

  readonly follow = (follower: () => void): (() => void) => {
    this.followers.add(follower);
    return () => this.followers.delete(follower);
  };
}

export type Viewer = { username: string } | "nobody" | "unknown";

export const viewer = new Watched<Viewer>("unknown");
export const connection = new Watched<"idle" | "open" | "lost">("idle");

type Answer = { data?: Record<string, any> | null; errors?: { message: string }[] };

async function ask(query: string, variables: Record<string, unknown> = {}): Promise<Answer> {
  const response = await fetch(endpoint, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

/** Asks the server again who is signed in. */
export async function viewerMayHaveChanged(): Promise<void> {
  try {
    const { data } = await ask("{ me { username } }");
    viewer.set(data?.me ?? "nobody");
  } catch {
    viewer.set("unknown");
  }
}

const LOGIN = `mutation SignIn($username: String!, $password: String!) {
  login(input: { username: $username, password: $password }) {
    user { username }
    errors { ... on UserError { message } }
  }
}`;

/** Starts a session; answers with what went wrong, or with "". */
export async function signIn(username: string, password: string): Promise<string> {
  try {
    const { data, errors } = await ask(LOGIN, { username, password });
    const fault = errors?.[0] ?? data?.login?.errors[0];
    if (fault) return fault.message;
    await viewerMayHaveChanged();
    return "";
  } catch {
    return "The server does not answer.";
  }
}

export async function signOut(): Promise<void> {
  await ask("mutation SignOut { logout { ok } }").catch(() => undefined);
  await viewerMayHaveChanged();
}
