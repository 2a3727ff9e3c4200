declare module '*.css';
declare const __VERSION__: string;
