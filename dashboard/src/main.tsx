import { render } from 'preact';
import { App } from './app.tsx';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/shell.css';
import './styles/controls.css';
import './styles/tables.css';
import './styles/graph.css';
import './styles/pages.css';

const root = document.getElementById('app');
if (root !== null) render(<App />, root);
