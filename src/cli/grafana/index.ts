/** Every dashboard that `tulle grafana` writes. */
import { controlPlaneDashboard } from './control-plane.ts';
import type { Dashboard } from './dashboard.ts';
import { meshDashboard } from './mesh.ts';
import { serviceDashboard } from './service.ts';
import { taxDashboard } from './tax.ts';
import { workloadDashboard } from './workload.ts';

export const DASHBOARDS: readonly Dashboard[] = [meshDashboard, serviceDashboard, workloadDashboard, controlPlaneDashboard, taxDashboard];
