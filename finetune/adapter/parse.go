package adapter

// ParseConfig reads a configuration in the terms of PEFT's adapter_config.json. Keys that say how something computes and that are not known are refused.
func ParseConfig(b []byte) (Config, error) { return parseConfig(b) }
