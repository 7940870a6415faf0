import { defineConfig } from 'vitest/config';

// TensorBoard imports exactly one fixed file name, so the entry keeps its name and its `render` export.
export default defineConfig({
  build: {
    outDir: '../tb_plugin/tensorboard_plugin_epochline/static',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: false,
    rolldownOptions: {
      input: 'src/main.tsx',
      preserveEntrySignatures: 'allow-extension',
      output: { entryFileNames: 'index.js', chunkFileNames: '[name]-[hash].js' },
    },
  },
  test: {
    environment: 'node',
    include: ['src/**/*.test.{ts,tsx}'],
    restoreMocks: true,
  },
});
