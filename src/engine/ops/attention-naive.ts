/**
 * Attention that any device runs: a thread owns one token of one head and walks the sequence. No workgroup memory, no
 * subgroups. What the faster forms are checked against.
 */
import { LN2, LOCATE, LOG2E, LOWEST, passDispatch, type AttentionForm } from './attention-pass';

const THREADS = 64;

/** This thread's token; `mine` is its queries' address, `mine_out` its output's. */
const OWN = `
  let token = band * ${THREADS}u + lane;
  if (token >= p.length) { return; }
  let mine = at + token * stride;
  let row = first + token;
  let mine_out = row * width + head * p.vectors;`;
const resident = (name: string, from: string, n: number): string => `
  var ${name}: array<vec4f, ${n}>;
  for (var i = 0u; i < p.vectors; i++) { ${name}[i] = ${from}; }`;
const columns = (lines: string): string => `for (var i = 0u; i < p.vectors; i++) { ${lines} }`;

export const naiveAttention: AttentionForm = {
  forward: (pass, tensors) => {
    const n = pass.size / 4;
    return passDispatch('forward', pass, tensors, THREADS, {
      key: `attention/naive/forward/${pass.size}`,
      workgroup: [THREADS, 1, 1],
      main: `${LOCATE}${OWN}
  ${resident('q', `qkv[mine + i] * (p.scale * ${LOG2E})`, n)}
  var o: array<vec4f, ${n}>;
  var m = ${LOWEST};
  var sum = 0.0;
  for (var j = 0u; j < p.length; j++) {
    let key = at + j * stride + width;
    var s = 0.0;
    ${columns('s += dot(q[i], qkv[key + i]);')}
    let m_new = max(m, s);
    let shrink = exp2(m - m_new);
    let weight = exp2(s - m_new);
    sum = sum * shrink + weight;
    m = m_new;
    ${columns('o[i] = o[i] * shrink + weight * qkv[key + width + i];')}
  }
  ${columns('output[mine_out + i] = o[i] / sum;')}
  lse[row * p.heads + head] = (m + log2(sum)) * ${LN2};`,
    });
  },

  queryGradient: (pass, tensors) => {
    const n = pass.size / 4;
    return passDispatch('query-gradient', pass, tensors, THREADS, {
      key: `attention/naive/query-gradient/${pass.size}`,
      workgroup: [THREADS, 1, 1],
      main: `${LOCATE}${OWN}
  ${resident('q', `qkv[mine + i] * (p.scale * ${LOG2E})`, n)}
  ${resident('g', 'output_gradient[mine_out + i]', n)}
  var total = 0.0;
  ${columns('total += dot(g[i], output[mine_out + i]);')}
  delta[row * p.heads + head] = total;
  let own_lse = lse[row * p.heads + head] * ${LOG2E};
  var dq: array<vec4f, ${n}>;
  for (var j = 0u; j < p.length; j++) {
    let key = at + j * stride + width;
    var s = 0.0;
    var dp = 0.0;
    ${columns('s += dot(q[i], qkv[key + i]); dp += dot(g[i], qkv[key + width + i]);')}
    let ds = exp2(s - own_lse) * (dp - total);
    ${columns('dq[i] += ds * qkv[key + i];')}
  }
  ${columns('qkv_gradient[mine + i] = dq[i] * p.scale;')}`,
    });
  },

  keyGradient: (pass, tensors) => {
    const n = pass.size / 4;
    return passDispatch('key-gradient', pass, tensors, THREADS, {
      key: `attention/naive/key-gradient/${pass.size}`,
      workgroup: [THREADS, 1, 1],
      main: `${LOCATE}${OWN}
  ${resident('k', `qkv[mine + width + i] * (p.scale * ${LOG2E})`, n)}
  ${resident('v', 'qkv[mine + 2u * width + i]', n)}
  var dk: array<vec4f, ${n}>;
  var dv: array<vec4f, ${n}>;
  for (var j = 0u; j < p.length; j++) {
    let query = at + j * stride;
    let g = mine_out - token * width + j * width;
    let stats = (first + j) * p.heads + head;
    var s = 0.0;
    var dp = 0.0;
    ${columns('s += dot(k[i], qkv[query + i]); dp += dot(v[i], output_gradient[g + i]);')}
    let weight = exp2(s - lse[stats] * ${LOG2E});
    let ds = weight * (dp - delta[stats]);
    ${columns('dv[i] += weight * output_gradient[g + i]; dk[i] += ds * qkv[query + i];')}
  }
  ${columns('qkv_gradient[mine + width + i] = dk[i] * p.scale; qkv_gradient[mine + 2u * width + i] = dv[i];')}`,
    });
  },
};
