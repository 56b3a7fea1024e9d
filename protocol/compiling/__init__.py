"""From a text to the kernel, part by part."""
