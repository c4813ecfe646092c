// Style sheets are bundled by esbuild; to the type check they are nothing.
declare module '*.css';
declare module '@fontsource/*';
