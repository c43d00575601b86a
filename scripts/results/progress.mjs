/** A run's JSON events as lines for somebody who looks on. */

const STEP_SECONDS = 60;

/** @param say receives each line */
export function progressPrinter(say) {
  let said = Date.now();
  const shows = {
    recipe: ({ reasons }) => reasons.forEach(say),
    start: ({ device, steps, stepsPerEpoch, fromStep }) =>
      say(`${device}; step ${fromStep} of ${steps}, ${stepsPerEpoch} per epoch`),
    baselines: ({ untrained, pixels }) => say(`before any learning: k-NN ${knn(untrained.knn)}, of raw pixels ${knn(pixels)}`),
    step: ({ step, epoch, loss, picturesPerSecond, secondsLeft }) => {
      if (Date.now() - said < STEP_SECONDS * 1000) return;
      said = Date.now();
      const left = `${Math.round(secondsLeft / 60)} min left`;
      say(`step ${step}, epoch ${epoch}, loss ${loss.toFixed(3)}, ${picturesPerSecond.toFixed(1)} pictures/s, ${left}`);
    },
    epoch: ({ epoch, epochs, loss, evaluation }) =>
      say(`epoch ${epoch} of ${epochs}: loss ${loss.toFixed(3)}${evaluation ? `, k-NN ${knn(evaluation.teacher.knn)}` : ''}`),
    warning: ({ message }) => say(`warning: ${message}`),
    note: ({ message }) => say(message),
    done: ({ state, step, steps, reason }) => say(`${state} after step ${step} of ${steps}${reason ? `: ${reason}` : ''}`),
  };
  return (event) => shows[event.event]?.(event);
}

function knn(scores) {
  const score = scores && (scores.k20 ?? scores.k10);
  return typeof score === 'number' ? `${score.toFixed(1)} %` : 'not measured';
}
