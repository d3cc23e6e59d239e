"""Speed, memory and quality, beside other toolkits. See README.md."""
