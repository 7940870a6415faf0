/** What the details pane needs only once something is selected: one file of the bundle. */
export { CheckpointPane } from './checkpoint-pane';
export { DecisionPane } from './decision-pane';
export { WhyPane } from './why-pane';
