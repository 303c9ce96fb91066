from audit.app import build
from audit.settings import Settings
from chassis.main import main

main("audit", Settings, build)
