/**
 * The last report of each node, kept in the browser: a reload and a second tab show it again.
 * Reports are not part of the graph, so they never reach a shared workflow, and showing one is no step to undo.
 */

const KEY = "animatediff_xl.reports"
const MOST_WORKFLOWS = 50

function load(storage) {
  try {
    return JSON.parse(storage.getItem(KEY)) ?? {}
  } catch {
    return {} // another program wrote there, or storage is switched off
  }
}

/** @returns {Object<string, string>} texts by execution id, such as "7", or "3:7" for node 7 in subgraph node 3 */
export function reportsOf(storage, workflowId) {
  return load(storage)[workflowId] ?? {}
}

/** Replace the reports of a workflow. The workflow that was longest without a report is forgotten first. */
export function keepReports(storage, workflowId, reports) {
  const { [workflowId]: _, ...others } = load(storage)
  const kept = Object.entries({ ...others, [workflowId]: reports }).slice(-MOST_WORKFLOWS)
  try {
    storage.setItem(KEY, JSON.stringify(Object.fromEntries(kept)))
  } catch {
    // storage is full or switched off: the report is still on the node
  }
}
