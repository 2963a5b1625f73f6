// Style sheets are put into the bundle by esbuild.
declare module '*.css';
