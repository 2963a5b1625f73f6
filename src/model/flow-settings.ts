/** Which requests and connections a proxy tells the control plane of, each second and at most. */
export interface FlowSettings {
  readonly isEnabled: boolean;
  /** Of those that went well. */
  readonly perSecond: number;
  /** Of those that were denied or failed. */
  readonly failedPerSecond: number;
  /** Of all, while somebody taps. */
  readonly tappedPerSecond: number;
}

/** What holds where MeshConfig says nothing. */
export const DEFAULT_FLOW_SETTINGS: FlowSettings = { isEnabled: true, perSecond: 10, failedPerSecond: 200, tappedPerSecond: 1000 };
