/** The look of timelines, in the colours of the page's theme. */

const STYLE = `
.adxl-timeline {
  --adxl-accent: var(--p-primary-color, #3b82f6);
  --adxl-back: var(--component-node-widget-background, var(--comfy-input-bg, #222));
  --adxl-text: var(--input-text, #ddd);
  --adxl-muted: var(--descrip-text, #999);
  --adxl-line: var(--border-color, #4e4e4e);
  position: relative;
  display: flex;
  flex-direction: column;
  gap: 3px;
  box-sizing: border-box;
  width: 100%;
  color: var(--adxl-text);
  font: 11px/1.2 var(--font-inter, sans-serif);
  user-select: none;
}
.adxl-timeline [hidden] { display: none; }
.adxl-ruler { position: relative; flex: none; height: 14px; color: var(--adxl-muted); font-size: 10px; }
.adxl-ruler span { position: absolute; transform: translateX(-50%); font-variant-numeric: tabular-nums; }
.adxl-ruler span::after {
  content: "";
  position: absolute;
  left: 50%;
  top: 12px;
  height: 3px;
  border-left: 1px solid var(--adxl-line);
}
.adxl-track {
  position: relative;
  flex: 1 1 0;
  min-height: 30px;
  border-radius: 6px;
  background: var(--adxl-back);
  touch-action: none;
  cursor: crosshair;
}
.adxl-track svg {
  position: absolute;
  inset: 0;
  width: 100%;
  height: 100%;
  border-radius: inherit;
  pointer-events: none;
}
.adxl-labels { position: absolute; inset: 0; overflow: hidden; border-radius: inherit; pointer-events: none; }
.adxl-prompt {
  position: absolute;
  top: 50%;
  transform: translateY(-50%);
  box-sizing: border-box;
  padding: 0 6px 0 8px;
  overflow: hidden;
  white-space: nowrap;
  text-overflow: ellipsis;
  color: #fff;
  text-shadow: 0 0 3px #000, 0 0 2px #000;
}
.adxl-limit {
  position: absolute;
  left: 20px;
  transform: translateY(-105%);
  color: var(--adxl-muted);
  font-size: 9px;
  text-shadow: 0 0 2px var(--adxl-back), 0 0 2px var(--adxl-back);
}
.adxl-zero, .adxl-one, .adxl-curve, .adxl-dots { fill: none; vector-effect: non-scaling-stroke; }
.adxl-zero, .adxl-one { stroke: var(--adxl-line); stroke-width: 1px; }
.adxl-one { stroke-dasharray: 3 3; }
.adxl-below { fill: var(--adxl-accent); opacity: 0.16; }
.adxl-curve { stroke: var(--adxl-accent); stroke-width: 2px; stroke-linejoin: round; }
.adxl-dots { stroke: var(--adxl-accent); stroke-width: 5px; stroke-linecap: round; }
.adxl-cursor { position: absolute; top: 0; bottom: 0; border-left: 1px dashed var(--adxl-text); pointer-events: none; }
.adxl-flag {
  position: absolute;
  width: 24px;
  transform: translate(-50%, 0);
  cursor: ew-resize;
  touch-action: none;
  outline: none;
  filter: drop-shadow(0 0 1px rgb(0 0 0 / 0.7));
}
.adxl-flag::before, .adxl-flag::after { content: ""; position: absolute; left: 50%; transform: translateX(-50%); }
.adxl-prompts .adxl-flag { top: -5px; bottom: 0; }
.adxl-prompts .adxl-flag::before { top: 6px; bottom: 0; border-left: 2px solid #fff; opacity: 0.75; }
.adxl-prompts .adxl-flag::after {
  top: 0;
  width: 11px;
  height: 15px;
  background: #fff;
  clip-path: polygon(0 0, 100% 0, 100% 65%, 50% 100%, 0 65%);
}
.adxl-strengths .adxl-flag { height: 24px; transform: translate(-50%, -50%); cursor: move; }
.adxl-strengths .adxl-flag::after {
  top: 50%;
  width: 11px;
  height: 11px;
  border-radius: 50%;
  transform: translate(-50%, -50%);
  background: var(--adxl-back);
  box-shadow: inset 0 0 0 2px var(--adxl-accent);
}
.adxl-prompts .adxl-flag.adxl-selected::after { background: var(--adxl-accent); }
.adxl-prompts .adxl-flag.adxl-selected::before { border-color: var(--adxl-accent); opacity: 1; }
.adxl-strengths .adxl-flag.adxl-selected::after { background: var(--adxl-accent); }
.adxl-flag:focus-visible::after { filter: drop-shadow(0 0 3px var(--adxl-accent)) brightness(1.3); }
.adxl-flag.adxl-selected, .adxl-flag:hover { z-index: 1; }
.adxl-row { display: flex; flex: none; align-items: center; gap: 5px; height: 24px; color: var(--adxl-muted); }
.adxl-row label { display: flex; align-items: center; gap: 4px; white-space: nowrap; }
.adxl-field, .adxl-button {
  height: 22px;
  box-sizing: border-box;
  border: 1px solid var(--adxl-line);
  border-radius: 5px;
  background: var(--adxl-back);
  color: var(--adxl-text);
  font: inherit;
}
.adxl-field { width: 52px; padding: 0 5px; appearance: textfield; }
.adxl-field::-webkit-inner-spin-button { display: none; }
.adxl-button { width: 24px; padding: 0; font-size: 14px; line-height: 1; cursor: pointer; }
.adxl-button:disabled, .adxl-field:disabled { opacity: 0.45; cursor: default; }
.adxl-button:not(:disabled):hover { border-color: var(--adxl-accent); }
.adxl-field:focus-visible, .adxl-button:focus-visible { outline: 1px solid var(--adxl-accent); }
.adxl-message {
  flex: 1 1 0;
  max-height: 24px;
  overflow: hidden;
  font-size: 10px;
  line-height: 12px;
  text-align: right;
}
.adxl-message.adxl-error { color: var(--error-text, #ff4444); text-align: left; }
.adxl-empty .adxl-message {
  position: absolute;
  inset: 17px 0 27px;
  display: flex;
  align-items: center;
  max-height: none;
  padding: 0 10px;
  font-size: 11px;
  line-height: 14px;
  user-select: text;
}
.adxl-empty .adxl-track { cursor: default; opacity: 0.5; }
`

export function addStyle() {
  const style = document.createElement("style")
  style.textContent = STYLE
  document.head.append(style)
}
