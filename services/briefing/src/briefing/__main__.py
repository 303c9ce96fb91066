from briefing.app import build
from briefing.settings import Settings
from chassis.main import main

main("briefing", Settings, build)
