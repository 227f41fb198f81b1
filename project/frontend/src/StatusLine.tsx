import { type FormEvent, useEffect, useState, useSyncExternalStore } from "react";

import { connection, signIn, signOut, viewer, viewerMayHaveChanged } from "./session";
import { restoreExamples } from "./tabs";

/** One line above GraphiQL: who is signed in or how to, a lost socket, and the way back to the examples. */
export function StatusLine() {
  const who = useSyncExternalStore(viewer.follow, viewer.get);
  const socket = useSyncExternalStore(connection.follow, connection.get);
  useEffect(() => void viewerMayHaveChanged(), []);
  return (
    <header className="status-line">
      <strong>Taskfeed</strong>
      <span className="who" role="status">
        {who === "unknown" && "Asking the server who is signed in…"}
        {who === "nobody" && (
          <>
            Not signed in: open the link that <code>make run</code> printed, or
          </>
        )}
        {typeof who === "object" && `Signed in as ${who.username}`}
      </span>
      {who === "nobody" && <SignIn />}
      {typeof who === "object" && <button onClick={() => void signOut()}>Sign out</button>}
      {socket === "lost" && <span className="fault">The connection to the server is lost</span>}
      <button className="examples" onClick={restoreExamples} title="Closes all tabs and opens the four examples again">
        Restore the examples
      </button>
    </header>
  );
}

function SignIn() {
  const [fault, setFault] = useState("");

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setFault(await signIn(String(form.get("username")), String(form.get("password"))));
  }

  return (
    <form onSubmit={(event) => void submit(event)}>
      <input name="username" placeholder="Username" aria-label="Username" autoComplete="username" required />
      <input name="password" type="password" placeholder="Password" aria-label="Password" autoComplete="current-password" required />
      <button type="submit">Sign in</button>
      {fault && <span className="fault">{fault}</span>}
    </form>
  );
}
