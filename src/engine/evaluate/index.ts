/**
 * Measuring what was learned: features, weighted k-NN, view retrieval, effective rank, cluster scores. One file per
 * evaluation.
 */
export { featureBatches, FeatureExtractor, type FeatureBatch, type FeatureOptions, type Features } from './features';
export { weightedKnn, nearestRows, type KnnInput, type KnnResult } from './knn';
export { clusterScores, matchedAccuracy, type ClusterScores } from './clustering';
export { effectiveRank } from './rank';
export { viewRetrieval } from './retrieval';
export { centredPixels, untrainedBackbone } from './baselines';
export { EpochEvaluator, type EpochEvaluatorOptions, type KnnScores, type NetworkScores } from './epoch-evaluation';
export { attentionShades, classAttention } from './class-attention';
export { colourBasis, colours, type ColourBasis } from './principal-colours';
