/** Opening the examples again, in place of whatever tabs GraphiQL remembers. */

const RESTORING = "taskfeed:restoring";

/**
 * Begins the page anew, with the examples. GraphiQL writes its tabs a moment late, and would write them after we had
 * removed them: so that is done when the page begins.
 */
export function restoreExamples() {
  sessionStorage.setItem(RESTORING, "yes");
  location.reload();
}

/** Forgets the tabs where that was asked for. Call before GraphiQL reads them. */
export function forgetTabsIfAsked() {
  if (sessionStorage.getItem(RESTORING) === null) return;
  sessionStorage.removeItem(RESTORING);
  for (const key of ["tabState", "query", "variables"]) localStorage.removeItem(`graphiql:${key}`);
}
