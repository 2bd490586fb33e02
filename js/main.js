/**
 * Reports, warnings and errors of this pack's nodes, shown on the nodes.
 *
 * A node's report comes with its result ("executed"). Warnings and errors of a sampling run come as an event of our own,
 * for the node that can act on them. Both reach only the page that started the run. They are English until they are
 * shown, so that a page in another language shows them in that language. A picture gets room after the report, which
 * makes a node taller too.
 */

import { app } from "../../scripts/app.js"
import { api } from "../../scripts/api.js"
import { addBadge, showBadge } from "./lib/badges.mjs"
import { pathTo } from "./lib/graph.mjs"
import { isError, translate } from "./lib/messages.mjs"
import { addStyle, makeRoom } from "./lib/pictures.mjs"
import { showReport } from "./lib/reports.mjs"
import { keepReports, reportsOf } from "./lib/storage.mjs"
import { loadTexts, textsOfPage } from "./lib/texts.mjs"

const OURS = "ADXL_"
const EVENT = "animatediff_xl.report"

const rootGraph = () => app.rootGraph ?? app.graph

/** Show texts on the nodes of the open workflow. A node of a subgraph shows that of the last node inside. */
function show(reports) {
  const texts = textsOfPage()
  const badges = new Map()
  for (const [path, english] of inExecutionOrder(reports)) {
    const text = translate(english, texts)
    showReport(path.at(-1), text, texts.report)
    for (const subgraphNode of path.slice(0, -1)) badges.set(subgraphNode, text || badges.get(subgraphNode) || "")
  }
  badges.forEach((text, subgraphNode) => showBadge(subgraphNode, text))
}

/** The paths to our nodes of the open workflow, with their texts. A result from the cache can arrive last. */
function inExecutionOrder(reports) {
  return Object.entries(reports)
    .map(([executionId, text]) => [pathTo(rootGraph(), executionId), text])
    .filter(([path]) => path.at(-1)?.comfyClass?.startsWith(OURS))
    .sort(([one], [other]) => one.at(-1).order - other.at(-1).order)
}

/** The open workflow can be another one than the one that runs. */
const workflowIds = new Map()

async function findWorkflowId(promptId) {
  const { queue_running: running } = await (await api.fetchApi("/queue")).json()
  let run = running.find(([, id]) => id === promptId)
  if (!run) run = (await (await api.fetchApi(`/history/${promptId}`)).json())[promptId]?.prompt
  return run?.[3]?.extra_pnginfo?.workflow?.id ?? rootGraph().id
}

async function change(promptId, makeChange) {
  if (!workflowIds.has(promptId)) workflowIds.set(promptId, findWorkflowId(promptId))
  changeIn(await workflowIds.get(promptId), makeChange)
}

function changeIn(workflowId, makeChange) {
  const before = reportsOf(localStorage, workflowId)
  const changes = makeChange(before)
  if (!Object.keys(changes).length) return
  const after = { ...before, ...changes }
  if (workflowId === rootGraph().id) show(after)
  keepReports(localStorage, workflowId, Object.fromEntries(Object.entries(after).filter(([, text]) => text)))
}

/** The change that takes away the texts for which `isOver([id, text])`. */
const forget = (isOver) => (before) => Object.fromEntries(Object.entries(before).filter(isOver).map(([id]) => [id, ""]))

/** Nodes that run again lose their old text before they have a new one, and all nodes lose their errors. */
const forgetAllBut = (kept) => forget(([id, text]) => !kept.has(id) || isError(text))

/** A node whose widgets change loses its error. */
function forgetErrorOf(node) {
  if (app.configuringGraph) return // a saved graph sets widgets too
  changeIn(rootGraph().id, forget(([id, text]) => isError(text) && pathTo(rootGraph(), id).at(-1) === node))
}

app.registerExtension({
  name: "animatediff_xl.reports",
  init: loadTexts,
  setup() {
    addStyle()
    api.addEventListener("execution_cached", ({ detail }) =>
      change(detail.prompt_id, forgetAllBut(new Set(detail.nodes.map(String))))
    )
    api.addEventListener("executed", async ({ detail }) => {
      if (!detail.output?.text) return
      await change(detail.prompt_id, () => ({ [detail.node]: [detail.output.text].flat().join("\n") }))
      if ((await workflowIds.get(detail.prompt_id)) !== rootGraph().id) return
      const node = pathTo(rootGraph(), detail.node).at(-1)
      makeRoom(node, `${rootGraph().id} ${detail.node}`, detail.output.images?.[0])
    })
    api.addEventListener(EVENT, ({ detail }) => change(detail.prompt_id, () => ({ [detail.node]: detail.text })))
  },
  nodeCreated(node) {
    if (node.isSubgraphNode?.()) addBadge(node)
    if (!node.comfyClass?.startsWith(OURS)) return
    for (const widget of node.widgets ?? []) {
      const { callback } = widget
      widget.callback = function (...values) {
        forgetErrorOf(node)
        return callback?.apply(this, values)
      }
    }
  },
  afterConfigureGraph() {
    show(reportsOf(localStorage, rootGraph().id))
  },
})
