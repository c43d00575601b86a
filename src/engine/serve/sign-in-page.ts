import { createHash } from 'node:crypto';

const style = `
:root { color-scheme: dark light; --bg: #0e1013; --surface: #15181d; --line: #4a5261; --text: #e6e9ee; --dim: #9aa3b0; --accent: #5b9dff; --on: #0e1013; --bad: #f2665b }
@media (prefers-color-scheme: light) {
  :root { --bg: #f7f8fa; --surface: #fff; --line: #8a93a0; --text: #16191d; --dim: #5a6472; --accent: #1a66db; --on: #fff; --bad: #c4302b }
}
body { display: grid; place-items: center; min-height: 100vh; margin: 0; background: var(--bg); color: var(--text); font: 13px/1.4 system-ui, sans-serif }
form { display: grid; gap: 12px; width: min(400px, calc(100vw - 80px)); padding: 24px; border-radius: 6px; background: var(--surface) }
h1 { margin: 0; font-size: 15px; font-weight: 600 }
p { margin: 0; color: var(--dim) }
.bad { color: var(--bad) }
label { display: grid; gap: 4px }
input, button { height: 28px; box-sizing: border-box; padding: 0 8px; border: 1px solid var(--line); border-radius: 6px; background: var(--bg); color: inherit; font: inherit }
button { border: 0; background: var(--accent); color: var(--on); font-weight: 500 }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px }
`;

/** May show itself and send its form, nothing else. */
export const signInPolicy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Asks for the token. `wasWrong`: what was given is not it. */
export function signInPage(wasWrong: boolean): string {
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>iBOT Workbench</title><style>${style}</style></head>
<body><main><form method="post" action="/sign-in">
<h1>iBOT Workbench</h1>
<p>The program printed an address with a token when it was started. Open that address, or give the token here; it is a new one after each start.</p>
${wasWrong ? '<p class="bad" role="alert">This is not the token of this start.</p>' : ''}
<label>Token <input name="token" type="password" autocomplete="off" autofocus required></label>
<button>Sign in</button>
</form></main></body>
</html>
`;
}
