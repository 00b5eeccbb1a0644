// The plugin's version, as package.json has it (a test compares them): the engine reads no JSON file.

export const VERSION = "0.1.0";
